// Our environment variables. One that is empty counts as unset, as in a container file with `VARIABLE=`.

const prefix = 'ENC_SERVER_'

/** The environment without our variables that are empty. */
export function setVariables(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name, value]) => value !== '' || !name.startsWith(prefix)))
}
