// A file or folder that is not there is an answer, and no failure.

export function errorCode(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code
}

/** For `catch`: undefined for what is not there, and anything else is thrown on. */
export function ignoreMissing(error: unknown): undefined {
  if (errorCode(error) !== 'ENOENT' && errorCode(error) !== 'ENOTDIR') throw error
}
