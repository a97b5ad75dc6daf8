// What the file system's errors mean to us. They name paths, and those of parts hold pseudonyms: of such an error only its
// code and the system's call go on.
import { storeError } from './level-errors.js'

export function fileError(thrown: unknown): Error {
  const { code, syscall } = thrown as NodeJS.ErrnoException
  if (syscall === undefined) return storeError(thrown)
  return storeError(Object.assign(new Error(`${code}: ${syscall}`), { code }))
}
