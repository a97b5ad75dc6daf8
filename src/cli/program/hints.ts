// Hints: what to do about an error, for people at a terminal. A reason without a hint here explains itself.
import type { Reason } from '../../core/errors.js'

/** The hints of one program. */
export interface Hints {
  reasons: Partial<Record<Reason, string>>
  /** By the invalid field of a request or flag. They take precedence over `reasons`. */
  fields: Record<string, string>
}

/** No hints, for programs whose errors explain themselves. */
export const noHints: Hints = { reasons: {}, fields: {} }

const longerTimeout = '--timeout SECONDS sets a longer timeout'

const fields: Hints['fields'] = {
  late: longerTimeout,
  connection:
    'is the server running at this address? if it uses TLS, give --tls-ca; if it asks for client certificates, also --tls-cert and --tls-key; if it uses no TLS, none of them',
  'plain text': 'give --tls-ca FILE, or --insecure',
  tls: 'give --tls-ca FILE --tls-cert FILE --tls-key FILE',
  'tls.caFile': 'the file was given with --tls-ca',
  'tls.certFile': 'the file was given with --tls-cert',
  'tls.keyFile': 'the file was given with --tls-key',
  'record key': 'put the record key in a file and give --key-file FILE, or send it to standard input with --key-stdin',
  data: '`feclient upload` stores records of any size',
  'no keyring':
    "the first write of a front end binds the store to its keyring: run `feclient` once, or give the front end's keyring with --keyring-id; `enc-server doctor` shows it",
  'no record key':
    'give the record key with --key-file FILE or --key-stdin, unless the mode is server; a record with bound bytes also needs its --aad-file',
}

const shared: Hints['reasons'] = {
  STORE_FULL: "free space on the back end's disk; it then accepts writes again, without a restart",
  OVERLOADED: 'wait a little, then try again',
  DEADLINE_EXCEEDED: longerTimeout,
  STORE_UNAVAILABLE: "the back end's log has the cause",
  STORE_REFUSED: "the back end's log says what its operator must do",
  NOT_SUPPORTED: 'is this the right server? by default, front ends listen on port 7777 and back ends on port 8888',
}

const storeAgain =
  '`feclient versions` shows whether it was; the record key that was tried opens that version; if it was not, store it again'

// Hints for the fields of requests that the front end rejects; its messages name them as in frontend.proto.
const requestFields: Hints['fields'] = {
  user_id: 'the value of --user',
  record_name: 'the value of --name',
  record_key:
    'give the record key that --key-out wrote or `feclient store` printed, with --key-file FILE or --key-stdin',
  caller_aad: 'the contents of --aad-file',
  expire_time: 'the value of --expires',
  'attributes.content_type': 'the value of --content-type',
  'attributes.labels': 'the values of --label',
}

/** The hints of feclient. */
export const frontendHints: Hints = {
  fields: {
    ...fields,
    ...requestFields,
    address: 'for example --address 127.0.0.1:7777; the default is $ENC_SERVER_FRONTEND_TARGET',
    'unanswered store': `${storeAgain}, without --if-absent`,
    'unanswered restore':
      '`feclient versions` shows whether it was; the record key that was tried opens that version; if it was not, restore it again',
    'unanswered delete': '`feclient list` shows whether it was; with --allow-missing the same command can run again',
    'unanswered import':
      'the same command with --resume continues; it stores a record that has no line in the keys file again, as a further version',
  },
  reasons: {
    ...shared,
    UNREACHABLE: 'is feserver running? `make feserver-cmd` starts one; if it uses TLS, give --tls-ca',
    BACKEND_UNAVAILABLE: 'feserver is running, its back end is not: `make beserver-cmd` starts one',
    RECORD_NOT_FOUND: '`feclient list` shows the records of a user, `feclient versions` the versions of a record',
    RECORD_KEY_MISMATCH: 'each version has its own record key; the --aad-file must be the one of the store, too',
    RECORD_TOO_LARGE: '`feclient download` retrieves records of any size',
    RECORD_CORRUPT: "the back end's data was changed: restore its store from a backup, and see the front end's log",
    PRECONDITION_FAILED: '`feclient list --user ID` shows the current key id',
    OUTCOME_UNKNOWN: '`feclient list --user ID` shows whether the write succeeded',
  },
}

/** The hints of beclient. */
export const backendHints: Hints = {
  fields: {
    ...fields,
    address: 'for example --address 127.0.0.1:8888; the default is $ENC_SERVER_BACKEND_TARGET',
    'unanswered delete':
      '`beclient get --record-id HEX` shows whether it was; with --allow-missing the same command can run again',
  },
  reasons: {
    ...shared,
    UNREACHABLE:
      'is beserver running? `make beserver-cmd` starts one; if it uses TLS, give --tls-ca; the back end of `enc-server up` has no address',
    PRECONDITION_FAILED: '`beclient get --record-id HEX` shows the current key id',
    RECORD_NOT_FOUND: '`beclient list --user-pseudonym HEX` shows the records of a pseudonym',
    KEYRING_MISMATCH: '`beclient info` shows the keyring of the store; without --keyring-id the trial uses that one',
  },
}

/** The hints of feserver, beserver and enc-server. */
export const serverHints: Hints = {
  reasons: {},
  fields: {
    'frontend.keyringFile': 'the setting frontend.keyringFile names this file',
    'log folder': 'without log.dir, the log is in the folder `log` in backend.dataDir, or beside frontend.keyringFile',
    'configuration file': '--config FILE names it, or else ENC_SERVER_CONFIG_PATH',
    settings: 'docs/configuration.md lists every setting, its values and its default',
  },
}
