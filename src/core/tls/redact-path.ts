// A setting that names the file of a secret may hold the secret itself by mistake: then it is not shown.

// Of a URI, of PEM, of JSON.
const secret = /:\/\/|-----|[\n{]/

/** What a message may say of such a setting: the path, if it can be one. */
export function redactPath(path: string): string {
  return secret.test(path) ? 'a file of that name, which looks like what should be in the file' : path
}
