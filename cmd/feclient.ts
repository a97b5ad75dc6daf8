#!/usr/bin/env node
// The front end's client: `feclient --help`.
import '../src/core/process-guard.js'
import { feclient } from '../src/cli/feclient/feclient.js'

process.exitCode = await feclient(process)
