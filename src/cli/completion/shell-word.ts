// A text as one word of a shell.

/** Quoted unless nothing in it means anything to a shell. */
export function shellWord(text: string): string {
  return /^[\w./:=@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
