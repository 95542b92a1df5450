import type { ImageContainerConfig } from '@gantry/oci';
import { posix } from 'node:path';
import { invalidArgument } from '@gantry/rpc';
import { expand } from './dockerfile-variables';
import { healthcheck } from './dockerfile-healthcheck';

/** Dockerfile instructions that `docker commit` and `docker import` take with --change, applied to a configuration. */
export function applyChanges(config: ImageContainerConfig, changes: readonly string[]): ImageContainerConfig {
  const isCommand = (line: string): boolean => /^\s*CMD\b/i.test(line);
  return changes.reduce((made, line, at) => applyChange(made, line, changes.slice(0, at).some(isCommand)), { ...config });
}

function applyChange(config: ImageContainerConfig, line: string, hasOwnCommand: boolean): ImageContainerConfig {
  const [, word = '', rest = ''] = /^\s*(\S+)\s*([\s\S]*?)\s*$/.exec(line) ?? [];
  switch (word.toUpperCase()) {
    case 'CMD':
      return { ...config, Cmd: command(rest, config) };
    case 'ENTRYPOINT':
      return { ...(hasOwnCommand ? config : withoutCmd(config)), Entrypoint: command(rest, config) };
    case 'ENV':
      return { ...config, Env: Object.entries(pairs('ENV', expand(rest, config))).reduce(setEnv, config.Env ?? []) };
    case 'LABEL':
      return { ...config, Labels: { ...config.Labels, ...pairs('LABEL', expand(rest, config)) } };
    case 'EXPOSE':
      return {
        ...config,
        ExposedPorts: {
          ...config.ExposedPorts,
          ...Object.fromEntries(
            some('EXPOSE', words(expand(rest, config)))
              .flatMap(portsOf)
              .map((port) => [port, {}]),
          ),
        },
      };
    case 'VOLUME':
      return {
        ...config,
        Volumes: {
          ...config.Volumes,
          ...Object.fromEntries(some('VOLUME', list(rest) ?? words(expand(rest, config))).map((path) => [path, {}])),
        },
      };
    case 'USER':
      return { ...config, User: one('USER', expand(rest, config)) };
    case 'WORKDIR':
      return { ...config, WorkingDir: posix.resolve('/', config.WorkingDir ?? '', one('WORKDIR', expand(rest, config))) };
    case 'STOPSIGNAL':
      return { ...config, StopSignal: one('STOPSIGNAL', expand(rest, config)) };
    case 'HEALTHCHECK':
      return { ...config, Healthcheck: healthcheck(rest, config) };
    case 'ONBUILD':
      return { ...config, OnBuild: [...(config.OnBuild ?? []), trigger(rest)] };
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

/** A new entrypoint takes the command of the old one away, as in a Dockerfile, unless a CMD was given with it. */
function withoutCmd({ Cmd: _cmd, ...config }: ImageContainerConfig): ImageContainerConfig {
  return config;
}

function some<T>(instruction: string, items: readonly T[]): readonly T[] {
  if (items.length === 0) throw invalidArgument(`${instruction} requires at least one argument`);
  return items;
}

function one(instruction: string, text: string): string {
  if (text === '') throw invalidArgument(`${instruction} requires exactly one argument`);
  return text;
}

/** `80`, `53/udp`, `90-92`: each port with its protocol. */
function portsOf(text: string): string[] {
  const [, first = '', last = first, protocol = 'tcp'] = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(\w+))?$/.exec(text) ?? [];
  const [low, high] = [Number(first), Number(last)];
  if (first === '' || low > high || high > 65535 || !['tcp', 'udp', 'sctp'].includes(protocol.toLowerCase()))
    throw invalidArgument(`invalid containerPort: ${text}`);
  return Array.from({ length: high - low + 1 }, (_none, at) => `${low + at}/${protocol.toLowerCase()}`);
}

function trigger(text: string): string {
  const [word = ''] = text.split(/\s/, 1);
  if (word === '') throw invalidArgument('ONBUILD requires at least one argument');
  if (word.toUpperCase() === 'ONBUILD') throw invalidArgument("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  if (['FROM', 'MAINTAINER'].includes(word.toUpperCase()))
    throw invalidArgument(`${word.toUpperCase()} isn't allowed as an ONBUILD trigger`);
  return text;
}

function command(text: string, config: ImageContainerConfig): string[] {
  return list(text) ?? [...(config.Shell ?? ['/bin/sh', '-c']), text];
}

/** Words, with quotes and backslashes as a shell reads them. */
function words(text: string): string[] {
  return [...text.matchAll(/(?:"(?:[^"\\]|\\.)*"|'[^']*'|\\.|[^\s"'\\])+/g)].map(([word]) =>
    word.replace(
      /"((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)/g,
      (_all, double?: string, single?: string, char?: string) => single ?? char ?? (double ?? '').replace(/\\(.)/g, '$1'),
    ),
  );
}

/** `a=b c="d e"`, or the old form `a b c`. */
function pairs(instruction: string, text: string): Record<string, string> {
  const parts = words(text);
  const [first = ''] = parts;
  if (!first.includes('=')) {
    if (first === '') throw invalidArgument(`${instruction} requires at least one argument`);
    if (parts.length < 2) throw invalidArgument(`${instruction} must have two arguments`);
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
