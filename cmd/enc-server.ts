#!/usr/bin/env node
// The operator's program: `enc-server --help`.
import '../src/core/process-guard.js'
import { encServer } from '../src/cli/enc-server/enc-server.js'
import { serviceTools } from './service-tools.js'

process.exitCode = await encServer(process, serviceTools)
