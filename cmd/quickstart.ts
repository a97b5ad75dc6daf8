// `make quickstart`: a demonstration with the compiled programs.
import '../src/core/process-guard.js'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { quickstart } from '../src/cli/enc-server/quickstart.js'

process.exitCode = await quickstart(process, dirname(fileURLToPath(import.meta.url)))
