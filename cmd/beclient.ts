#!/usr/bin/env node
// The back end's client: `beclient --help`.
import '../src/core/process-guard.js'
import { beclient } from '../src/cli/beclient/beclient.js'

process.exitCode = await beclient(process)
