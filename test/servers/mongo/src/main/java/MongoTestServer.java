import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.Index;
import de.bwaldvogel.mongo.backend.IndexKey;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import de.bwaldvogel.mongo.backend.memory.MemoryDatabase;
import de.bwaldvogel.mongo.backend.memory.index.MemoryUniqueIndex;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.message.MongoMessage;
import io.netty.channel.Channel;
import java.util.Collection;
import java.util.List;
import java.util.Map;

/**
 * Serves MongoDB's protocol from memory on a free loopback port, prints the port, and ends when its standard input does:
 * it cannot outlive the tests. With the argument `replica-set` it says that it is the primary of one, so that the driver
 * uses sessions and retries writes; it does not know a retried write from a new one.
 */
final class MongoTestServer extends MemoryBackend {
    /** The newest version the library names has a wire version that the driver refuses. */
    private static final MongoVersion VERSION = new MongoVersion() {
        @Override
        public List<Integer> getVersionArray() {
            return List.of(5, 0, 0);
        }

        @Override
        public int getWireVersion() {
            return 13;
        }
    };

    private final boolean replicaSet;
    private FailPoint failPoint = FailPoint.OFF;

    private MongoTestServer(boolean replicaSet) {
        this.replicaSet = replicaSet;
    }

    public static void main(String[] arguments) throws Exception {
        MongoTestServer backend = new MongoTestServer(List.of(arguments).contains("replica-set"));
        backend.version(VERSION);
        MongoServer server = new MongoServer(backend);
        server.bind("127.0.0.1", 0);
        System.out.println(server.getLocalAddress().getPort());
        while (System.in.read() >= 0) {}
        server.shutdownNow();
    }

    @Override
    public MemoryDatabase openOrCreateDatabase(String name) {
        return new MemoryDatabase(name, getCursorRegistry()) {
            @Override
            protected Index<Integer> openOrCreateUniqueIndex(String collection, String index, List<IndexKey> keys, boolean sparse) {
                return new UniqueIndex(index, keys, sparse);
            }
        };
    }

    @Override
    public Document handleMessage(MongoMessage message) {
        Document command = message.getDocument();
        if (command.containsKey("configureFailPoint")) return configure(command);
        FailPoint failure = takeFailure(command.keySet().iterator().next());
        if (failure.errorCode() != 0) return failure.error();
        Document reply = super.handleMessage(message);
        return failure.decorate(command.containsKey("ismaster") ? asReplicaSet(reply) : reply);
    }

    /** The first hello of a connection comes here. */
    @Override
    public Document handleCommand(Channel channel, String database, String command, Document query) {
        Document reply = super.handleCommand(channel, database, command, query);
        return command.equals("ismaster") ? asReplicaSet(reply) : reply;
    }

    private Document asReplicaSet(Document hello) {
        if (!replicaSet) return hello;
        return hello.append("setName", "test").append("hosts", List.of("127.0.0.1:1")).append("logicalSessionTimeoutMinutes", 30);
    }

    /** What mongod takes under --setParameter enableTestCommands=1: some fields of its `failCommand`. */
    private synchronized Document configure(Document command) {
        failPoint = FailPoint.of(command);
        return new Document("ok", 1.0);
    }

    private synchronized FailPoint takeFailure(String command) {
        if (!failPoint.commands().contains(command)) return FailPoint.OFF;
        FailPoint taken = failPoint;
        failPoint = taken.times() > 1 ? taken.after() : FailPoint.OFF;
        return taken;
    }

    /**
     * Finds a document by its _id whatever else the query asks of it, as MongoDB does; the library would look at every
     * document. It matches what was found against the whole query.
     */
    private static final class UniqueIndex extends MemoryUniqueIndex {
        UniqueIndex(String name, List<IndexKey> keys, boolean sparse) {
            super(name, keys, sparse);
        }

        @Override
        public synchronized boolean canHandle(Document query) {
            return super.canHandle(idAlone(query));
        }

        @Override
        public synchronized Iterable<Integer> getPositions(Document query) {
            return super.getPositions(idAlone(query));
        }

        private static Document idAlone(Document query) {
            return query.containsKey("_id") ? new Document("_id", query.get("_id")) : query;
        }
    }

    private record FailPoint(List<?> commands, int times, Document data) {
        static final FailPoint OFF = new FailPoint(List.of(), 0, new Document());

        static FailPoint of(Document command) {
            if (!(command.get("mode") instanceof Map<?, ?> mode)) return OFF;
            Document data = (Document) command.get("data");
            List<?> commands = List.copyOf((Collection<?>) data.get("failCommands"));
            return new FailPoint(commands, ((Number) mode.get("times")).intValue(), data);
        }

        FailPoint after() {
            return new FailPoint(commands, times - 1, data);
        }

        int errorCode() {
            return ((Number) data.getOrDefault("errorCode", 0)).intValue();
        }

        Document error() {
            Document error = new Document("ok", 0.0).append("code", errorCode()).append("errmsg", "failed by failCommand");
            error.putIfNotNull("errorLabels", data.get("errorLabels"));
            return error;
        }

        Document decorate(Document reply) {
            reply.putIfNotNull("writeConcernError", data.get("writeConcernError"));
            return reply;
        }
    }
}
