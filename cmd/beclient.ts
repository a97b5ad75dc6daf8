#!/usr/bin/env node
// The back end's client: `beclient --help`.
import { beclient } from '../src/cli/beclient/beclient.js'

process.exitCode = await beclient(process)
