// What to do about an error, for people at a terminal. A reason without a line here says enough by itself.
import type { Reason } from '../../core/errors.js'

export interface Hints {
  reasons: Partial<Record<Reason, string>>
  /** By the field that a request or a flag got wrong. */
  fields: Record<string, string>
}

export const noHints: Hints = { reasons: {}, fields: {} }

const longer = '--timeout SECONDS waits longer'

const fields: Hints['fields'] = {
  late: longer,
  connection:
    'does the server run, and there? one with TLS needs --tls-ca, one that asks for certificates --tls-cert and --tls-key too, one without TLS none of them',
  'plain text': 'on the command line: --tls-ca FILE, or --insecure',
  tls: 'on the command line: --tls-ca FILE --tls-cert FILE --tls-key FILE',
  'tls.caFile': '--tls-ca named it',
  'tls.certFile': '--tls-cert named it',
  'tls.keyFile': '--tls-key named it',
  'record key': 'put it in a file and use --key-file FILE, or send it to standard input with --key-stdin',
  data: '`feclient upload` takes records of any size',
  'no keyring':
    "a front end's first write binds it: run `feclient` once, or name the front end's with --keyring-id; `enc-server doctor` shows it",
  'no record key':
    'all but records of mode server need theirs: --key-file FILE, or --key-stdin; one with bound bytes needs its --aad-file too',
}

const shared: Hints['reasons'] = {
  STORE_FULL: "make room on the back end's disk; it goes on by itself",
  OVERLOADED: 'wait a little, then try again',
  DEADLINE_EXCEEDED: longer,
  STORE_UNAVAILABLE: "the back end's log says why",
  NOT_SUPPORTED: 'is that the right server? front ends listen on 7777, back ends on 8888, unless configured',
}

const again = '`feclient versions` shows whether it was; its record key, if it has one, is lost then: do it again'

// Of what the front end refuses, by the names that its messages have in every language.
const flagsOf: Hints['fields'] = {
  user_id: 'on the command line: --user',
  record_name: 'on the command line: --name',
  record_key:
    'the file of --key-file, or standard input with --key-stdin, must be what --key-out wrote or `store` printed',
  caller_aad: 'on the command line: --aad-file',
  expire_time: 'on the command line: --expires',
  'attributes.content_type': 'on the command line: --content-type',
  'attributes.labels': 'on the command line: --label',
}

export const frontendHints: Hints = {
  fields: {
    ...fields,
    ...flagsOf,
    address: 'as in --address 127.0.0.1:7777; without it $ENC_SERVER_FRONTEND_TARGET counts',
    'unanswered store': `${again}, without --if-absent`,
    'unanswered restore': again,
    'unanswered delete': '`feclient list` shows whether it was; with --allow-missing the same command can be run again',
    'unanswered import': `the same command with --resume goes on, and stores again, as a further version, what has no line in the keys file`,
  },
  reasons: {
    ...shared,
    UNREACHABLE: 'is feserver running? `make feserver-cmd` starts one; if it wants TLS, give --tls-ca',
    BACKEND_UNAVAILABLE: 'feserver runs, its back end does not: `make beserver-cmd` starts one',
    RECORD_NOT_FOUND: '`feclient list` shows which records there are, `feclient versions` which versions of one',
    RECORD_KEY_MISMATCH:
      'each version has a record key of its own, which opens no other; the --aad-file must be the same too',
    RECORD_TOO_LARGE: '`feclient download` takes records of any size',
    RECORD_CORRUPT:
      "what the back end holds was changed: restore its store from a backup, and read the front end's log",
    PRECONDITION_FAILED: '`feclient list --user ID` shows the key id that is there now',
    OUTCOME_UNKNOWN: '`feclient list --user ID` shows whether it did',
  },
}

export const backendHints: Hints = {
  fields: {
    ...fields,
    address: 'as in --address 127.0.0.1:8888; without it $ENC_SERVER_BACKEND_TARGET counts',
    'unanswered delete':
      '`beclient get --record-id HEX` shows whether it was; with --allow-missing the same command can be run again',
  },
  reasons: {
    ...shared,
    UNREACHABLE:
      'is beserver running? `make beserver-cmd` starts one; if it wants TLS, give --tls-ca; that of `enc-server up` has no address',
    PRECONDITION_FAILED: '`beclient get --record-id HEX` shows what is there now',
    RECORD_NOT_FOUND: '`beclient list --user-pseudonym HEX` shows which records of a pseudonym there are',
    KEYRING_MISMATCH: '`beclient info` shows which keyring it is bound to; without --keyring-id that is taken',
  },
}

export const serverHints: Hints = {
  reasons: {},
  fields: {
    'frontend.keyringFile': 'frontend.keyringFile says which file that is',
    'log folder': 'unless log.dir is set, the log is in `log` in backend.dataDir, or beside frontend.keyringFile',
    'configuration file': '--config FILE says which it is, else ENC_SERVER_CONFIG_PATH',
    settings: 'docs/configuration.md has every setting, what it may be and what it is by default',
  },
}
