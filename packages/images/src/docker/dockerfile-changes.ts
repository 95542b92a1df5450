import type { ImageContainerConfig } from '@gantry/oci';
import { invalidArgument } from '@gantry/rpc';

/** Dockerfile instructions that `docker commit` and `docker import` take with --change, applied to a configuration. */
export function applyChanges(config: ImageContainerConfig, changes: readonly string[]): ImageContainerConfig {
  return changes.reduce(applyChange, { ...config });
}

function applyChange(config: ImageContainerConfig, line: string): ImageContainerConfig {
  const [, word = '', rest = ''] = /^\s*(\S+)\s*([\s\S]*?)\s*$/.exec(line) ?? [];
  switch (word.toUpperCase()) {
    case 'CMD':
      return { ...config, Cmd: command(rest, config) };
    case 'ENTRYPOINT':
      return { ...config, Entrypoint: command(rest, config) };
    case 'ENV':
      return { ...config, Env: Object.entries(pairs(rest)).reduce(setEnv, config.Env ?? []) };
    case 'LABEL':
      return { ...config, Labels: { ...config.Labels, ...pairs(rest) } };
    case 'EXPOSE':
      return { ...config, ExposedPorts: { ...config.ExposedPorts, ...Object.fromEntries(words(rest).map((port) => [port.includes('/') ? port : `${port}/tcp`, {}])) } };
    case 'VOLUME':
      return { ...config, Volumes: { ...config.Volumes, ...Object.fromEntries((list(rest) ?? words(rest)).map((path) => [path, {}])) } };
    case 'USER':
      return { ...config, User: rest };
    case 'WORKDIR':
      return { ...config, WorkingDir: rest.startsWith('/') ? rest : `${config.WorkingDir ?? ''}/${rest}`.replace(/\/+/g, '/') };
    case 'STOPSIGNAL':
      return { ...config, StopSignal: rest };
    case 'ONBUILD':
      return { ...config, OnBuild: [...(config.OnBuild ?? []), rest] };
    case 'SHELL':
      return { ...config, Shell: list(rest) ?? [] };
    default:
      throw invalidArgument(`${word.toLowerCase()} is not a valid change command`);
  }
}

/** A name that is set already keeps its place. */
function setEnv(env: readonly string[], [key, value]: readonly [string, string]): string[] {
  const entry = `${key}=${value}`;
  const at = env.findIndex((old) => old.startsWith(`${key}=`));
  return at < 0 ? [...env, entry] : env.with(at, entry);
}

function list(text: string): string[] | undefined {
  if (!text.startsWith('[')) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : undefined;
  } catch {
    return undefined;
  }
}

function command(text: string, config: ImageContainerConfig): string[] {
  return list(text) ?? [...(config.Shell ?? ['/bin/sh', '-c']), text];
}

/** Words, with quotes and backslashes as a shell reads them. */
function words(text: string): string[] {
  return [...text.matchAll(/(?:"(?:[^"\\]|\\.)*"|'[^']*'|\\.|[^\s"'\\])+/g)].map(([word]) => word.replace(/"((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)/g, (_all, double?: string, single?: string, char?: string) => single ?? char ?? (double ?? '').replace(/\\(.)/g, '$1')));
}

/** `a=b c="d e"`, or the old form `a b c`. */
function pairs(text: string): Record<string, string> {
  const parts = words(text);
  const [first = ''] = parts;
  if (!first.includes('=')) {
    if (parts.length < 2) throw invalidArgument(`"${text}" is not name=value`);
    return { [first]: text.slice(text.indexOf(first) + first.length).trim() };
  }
  return Object.fromEntries(
    parts.map((part) => {
      const equals = part.indexOf('=');
      if (equals <= 0) throw invalidArgument(`"${part}" is not name=value`);
      return [part.slice(0, equals), part.slice(equals + 1)];
    }),
  );
}
