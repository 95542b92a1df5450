import { posix } from 'node:path';
import {
  type Change,
  type Command,
  expandWord,
  expandWords,
  type Healthcheck,
  isSignal,
  type Lookup,
  parseChanges,
} from '@gantry/dockerfile';
import type { ImageContainerConfig } from '@gantry/oci';
import { invalidArgument } from '@gantry/rpc';

/** Instructions of a Dockerfile that `docker commit` and `docker import` take with --change, applied to a configuration. Errors: invalidArgument. */
export function applyChanges(config: ImageContainerConfig, changes: readonly string[]): ImageContainerConfig {
  const instructions = parseChanges(changes.join('\n'), (name) => invalidArgument(`${name} is not a valid change command`));
  let hasOwnCommand = false;
  let made = { ...config };
  for (const instruction of instructions) {
    made = { ...made, ...change(made, instruction) };
    if (instruction.name === 'cmd') hasOwnCommand ||= argumentsOf(instruction.command, made).length > 0;
    // A new entrypoint takes the command of the old one away, as in a Dockerfile, unless a CMD was given with it.
    if (instruction.name === 'entrypoint' && !hasOwnCommand) delete made.Cmd;
  }
  return made;
}

function change(config: ImageContainerConfig, instruction: Change): Partial<ImageContainerConfig> {
  const lookup = environment(config);
  const word = (text: string): string => expandWord(text, lookup);
  switch (instruction.name) {
    case 'cmd':
      return { Cmd: argumentsOf(instruction.command, config) };
    case 'entrypoint': {
      const words = argumentsOf(instruction.command, config);
      return { Entrypoint: words.length === 0 ? null : words };
    }
    case 'env':
      return { Env: instruction.pairs.map(([key, value]) => [word(key), word(value)] as const).reduce(setEnv, config.Env ?? []) };
    case 'label':
      return { Labels: { ...config.Labels, ...Object.fromEntries(instruction.pairs.map(([key, value]) => [word(key), word(value)])) } };
    case 'expose': {
      const ports = instruction.words.flatMap((text) => expandWords(text, lookup)).flatMap(portsOf);
      return { ExposedPorts: { ...config.ExposedPorts, ...Object.fromEntries(ports.map((port) => [port, {}])) } };
    }
    case 'volume':
      return { Volumes: { ...config.Volumes, ...Object.fromEntries(instruction.words.map((text) => [place(word(text)), {}])) } };
    case 'user':
      return { User: word(instruction.word) };
    case 'workdir': {
      const path = word(instruction.word);
      if (path === '') throw invalidArgument('cannot normalize nothing');
      return { WorkingDir: path.startsWith('/') ? path : posix.join('/', config.WorkingDir ?? '', path) };
    }
    case 'stopsignal': {
      const signal = word(instruction.word);
      if (!isSignal(signal)) throw invalidArgument(`invalid signal: ${signal}`);
      return { StopSignal: signal };
    }
    case 'healthcheck':
      return {
        Healthcheck: instruction.check === 'none' ? { ...config.Healthcheck, Test: ['NONE'] } : healthcheck(config, instruction.check),
      };
    case 'onbuild':
      return { OnBuild: [...(config.OnBuild ?? []), instruction.trigger] };
  }
}

function environment({ Env: env }: ImageContainerConfig): Lookup {
  const values = new Map((env ?? []).map((entry) => [entry.split('=', 1)[0] ?? '', entry.slice(entry.indexOf('=') + 1)]));
  return (name) => values.get(name);
}

/** A name that is set already keeps its place. */
function setEnv(env: readonly string[], [key, value]: readonly [string, string]): string[] {
  const entry = `${key}=${value}`;
  const at = env.findIndex((old) => old.startsWith(`${key}=`));
  return at < 0 ? [...env, entry] : env.with(at, entry);
}

function argumentsOf(command: Command, { Shell: shell }: ImageContainerConfig): string[] {
  if (command.form === 'exec') return [...command.words];
  return command.text === '' ? [] : [...(shell ?? ['/bin/sh', '-c']), command.text];
}

/** What is not said stays as the configuration has it. */
function healthcheck({ Healthcheck: old }: ImageContainerConfig, check: Healthcheck): NonNullable<ImageContainerConfig['Healthcheck']> {
  const { command, interval, timeout, startPeriod, startInterval, retries } = check;
  return {
    ...old,
    Test: command.form === 'exec' ? ['CMD', ...command.words] : ['CMD-SHELL', command.text],
    ...(interval === 0 ? {} : { Interval: interval }),
    ...(timeout === 0 ? {} : { Timeout: timeout }),
    ...(startPeriod === 0 ? {} : { StartPeriod: startPeriod }),
    ...(startInterval === 0 ? {} : { StartInterval: startInterval }),
    ...(retries === 0 ? {} : { Retries: retries }),
  };
}

function place(path: string): string {
  if (path === '') throw invalidArgument('VOLUME specified can not be an empty string');
  return path;
}

/** `80`, `53/udp`, `90-92`, and what `run -p` takes (only the container's side counts): each port with its protocol. */
function portsOf(text: string): string[] {
  const [, first = '', last = first, protocol = 'tcp'] = /^(?:[^/]*:)?(\d{1,5})(?:-(\d{1,5}))?(?:\/(\w+))?$/.exec(text) ?? [];
  const [low, high] = [Number(first), Number(last)];
  if (first === '' || low > high || high > 65535 || !['tcp', 'udp', 'sctp'].includes(protocol.toLowerCase()))
    throw invalidArgument(`invalid containerPort: ${text}`);
  return Array.from({ length: high - low + 1 }, (_none, at) => `${low + at}/${protocol.toLowerCase()}`);
}
