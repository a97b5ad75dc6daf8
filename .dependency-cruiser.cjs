// Who may import whom. Imports point one way: cmd -> service -> core, gen. A rule that cannot fire is worse than none:
// plant a violation when you change one.
const services = 'frontend|backend|gateway|worker'
const engines = 'classic-level|abstract-level|mongodb|pg|@electric-sql/pglite|@aws-sdk/[a-z0-9-]+|@smithy/[a-z0-9-]+'
const drivers = `^(${engines})$|node_modules/(${engines})/`
const ciphers = '^(node:)?crypto$|node_modules/@noble/'

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'two files that need each other are one file, or three',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'services-meet-in-proto',
      comment: 'a service calls another over the contract; what both need is core',
      severity: 'error',
      from: { path: `^src/(${services})/` },
      to: { path: `^src/(${services})/`, pathNot: '^src/$1/' },
    },
    {
      name: 'services-know-no-programs',
      comment: 'a service is wired in cmd/ and knows neither programs nor flags',
      severity: 'error',
      from: { path: `^src/(${services})/` },
      to: { path: '^src/cli/|node_modules/commander/' },
    },
    {
      name: 'core-is-a-leaf',
      comment: 'core is what every service needs, so it knows none',
      severity: 'error',
      from: { path: '^src/core/' },
      to: { path: '^src/', pathNot: '^src/(core|gen)/' },
    },
    {
      name: 'http2-behind-its-interface',
      comment: 'gRPC knows core/transport.ts; only core/server/server.ts names the implementation, by its one entrance',
      severity: 'error',
      from: { path: '^(src|cmd)/', pathNot: '^src/core/(http2/|server/server\\.ts$)' },
      to: { path: '^src/core/http2/' },
    },
    {
      name: 'http2-has-one-entrance',
      comment: 'what is behind http2-server.ts can be replaced by another implementation of core/transport.ts',
      severity: 'error',
      from: { path: '^(src|cmd)/', pathNot: '^src/core/http2/' },
      to: { path: '^src/core/http2/', pathNot: '^src/core/http2/http2-server\\.ts$' },
    },
    {
      name: 'http2-knows-nothing-above',
      comment: 'HTTP/2 needs its interface and a bound socket, and knows neither gRPC nor the vault',
      severity: 'error',
      from: { path: '^src/core/http2/' },
      to: {
        path: '^(src|cmd)/|node_modules/',
        pathNot: '^src/core/(http2/|transport\\.ts$|tls/bind\\.ts$)|node_modules/@types/node/',
      },
    },
    {
      name: 'gen-is-generated',
      comment: 'generated code needs packages, and the bytes of a frame',
      severity: 'error',
      from: { path: '^src/gen/' },
      to: { path: '^(src|cmd)/', pathNot: '^src/(gen/|core/frame\\.ts$)' },
    },
    {
      name: 'programs-are-clients',
      comment: 'programs reach a service through its client; cmd/ hands them anything else',
      severity: 'error',
      from: { path: '^src/cli/' },
      to: { path: `^src/(${services})/`, pathNot: `^src/(${services})/client\\.ts$` },
    },
    {
      name: 'ciphers-in-one-place',
      comment:
        'ciphers, hashes and randomness for keys are in src/frontend/crypto; a checksum of files and the dates of a certificate are no key',
      severity: 'error',
      from: { path: '^(src|cmd)/', pathNot: '^src/(frontend/crypto/|cli/files/sha256\\.ts$|core/tls/validity\\.ts$)' },
      to: { path: ciphers },
    },
    {
      name: 'drivers-in-stores',
      comment: 'a database is known to the file of its engine alone; never to a front end',
      severity: 'error',
      from: { path: '^(src|cmd)/', pathNot: '^src/backend/engines/(level|mongo|s3)/' },
      to: { path: drivers },
    },
    {
      name: 'engines-stand-alone',
      comment: 'an engine can be removed without a change to another; what two need is in store/ or record/',
      severity: 'error',
      from: { path: '^src/backend/engines/([a-z0-9-]+)/' },
      to: { path: '^src/backend/engines/', pathNot: '^src/backend/engines/$1/' },
    },
    {
      name: 'engines-are-opened-in-one-place',
      comment: 'the rest of a back end knows the interfaces in store/',
      severity: 'error',
      from: { path: '^src/backend/', pathNot: '^src/backend/(engines/|(open-stores|config)\\.ts$)' },
      to: { path: '^src/backend/engines/' },
    },
    {
      name: 'store-is-a-leaf',
      comment: 'store/ says what an engine must be, so it knows nothing of the back end',
      severity: 'error',
      from: { path: '^src/backend/store/' },
      to: { path: '^src/backend/', pathNot: '^src/backend/store/' },
    },
    {
      name: 'record-knows-the-store',
      comment: 'the rules of a record hold for any engine, service and caller',
      severity: 'error',
      from: { path: '^src/backend/record/' },
      to: { path: '^src/backend/', pathNot: '^src/backend/(record|store)/' },
    },
    {
      name: 'client-runs-in-the-caller',
      comment: 'client/ is part of the process that calls, and needs no service, sweep or engine',
      severity: 'error',
      from: { path: '^src/(backend|frontend)/client/' },
      to: {
        path: '^src/(backend|frontend)/',
        pathNot: '^src/(backend/(client|record|store)|frontend/(client|crypto))/',
      },
    },
    {
      name: 'callers-reach-no-driver',
      comment: 'a client, and a front end, run without the packages of a back end',
      severity: 'error',
      from: { path: '^(src/(frontend|backend)/client\\.ts|cmd/(feclient|beclient|feserver)\\.ts)$' },
      to: { path: drivers, reachable: true },
    },
    {
      name: 'doctor-checks-services',
      comment: 'the doctor needs the services and core; what it finds is printed by a program',
      severity: 'error',
      from: { path: '^src/doctor/' },
      to: { path: '^(src|cmd)/', pathNot: `^src/(doctor|core|gen|${services})/` },
    },
    {
      name: 'nothing-imports-doctor',
      comment: 'the doctor is wired in cmd/, and can be removed without a change to a service or a program',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/doctor/' },
      to: { path: '^src/doctor/' },
    },
    {
      name: 'nothing-imports-cmd',
      comment: 'cmd/ builds and starts; what it builds is in src/',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^cmd/' },
    },
    {
      name: 'no-unresolved',
      comment: 'an import that resolves to nothing escapes every rule above',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
}
