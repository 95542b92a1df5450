import type { ImageContainerConfig } from '@gantry/oci';

/** `$NAME`, `${NAME}`, `${NAME:-else}` and `${NAME:+then}` from the configuration's environment; none inside single quotes or after a backslash. */
export function expand(text: string, config: Pick<ImageContainerConfig, 'Env'>): string {
  const environment = new Map((config.Env ?? []).map((entry) => [entry.split('=', 1)[0] ?? '', entry.slice(entry.indexOf('=') + 1)]));
  return text.replace(
    /'[^']*'|\\.|\$(?:(\w+)|\{(\w+)(?::([-+])([^}]*))?\})/g,
    (all: string, plain?: string, braced?: string, sign?: string, word = '') => {
      const name = plain ?? braced;
      if (name === undefined) return all;
      const value = environment.get(name) ?? '';
      if (sign === '-') return value === '' ? word : value;
      if (sign === '+') return value === '' ? '' : word;
      return value;
    },
  );
}
