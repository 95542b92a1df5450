/** Docker's PATH for a container whose image sets none. */
export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Later entries replace earlier ones of the same name in place; a bare name without `=` removes it. */
export function overlayEnvironment(base: readonly string[], overrides: readonly string[]): string[] {
  const result = new Map<string, string>();
  for (const entry of base) result.set(entry.split('=', 1)[0] ?? '', entry);
  for (const entry of overrides) {
    const name = entry.split('=', 1)[0] ?? '';
    if (entry.includes('=')) result.set(name, entry);
    else result.delete(name);
  }
  return [...result.values()];
}

/** The environment of a container's first process. HOME comes last and only when nobody set it. */
export function containerEnvironment(
  asked: readonly string[],
  facts: { readonly hostname: string; readonly tty: boolean; readonly home: string },
): string[] {
  const base = [`PATH=${DEFAULT_PATH}`, `HOSTNAME=${facts.hostname}`, ...(facts.tty ? ['TERM=xterm'] : [])];
  return withHome(overlayEnvironment(base, asked), facts.home);
}

export function withHome(environment: readonly string[], home: string): string[] {
  return environment.some((entry) => entry.startsWith('HOME=')) ? [...environment] : [...environment, `HOME=${home}`];
}

/** The environment of an exec: the container's, then the exec's own. */
export function execEnvironment(
  container: readonly string[],
  own: readonly string[],
  facts: { readonly hostname: string; readonly tty: boolean; readonly home: string },
): string[] {
  const base = containerEnvironment(container, facts);
  return overlayEnvironment(base, own);
}
