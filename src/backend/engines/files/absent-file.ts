// A file or folder that is not there is an answer, and no failure.

export function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code
}

/** For `catch`: undefined for what is not there, and anything else is thrown on. */
export function endsAsAbsent(error: unknown): undefined {
  if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ENOTDIR') throw error
}
