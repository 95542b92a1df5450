import { DEFAULT_HOST, EngineApi } from './api';

/** An option of a command. */
export interface CommandOption {
  readonly name: string;
  readonly short?: string;
  /** What its value is called. */
  readonly value: string;
  readonly help: string;
}

/** One of the commands that speak to an engine that runs. */
export interface ClientCommand {
  readonly name: string;
  readonly summary: string;
  /** Arguments as the usage shows them, and how few there may be. */
  readonly usage: string;
  readonly least: number;
  readonly options: readonly CommandOption[];
  run(api: EngineApi, args: readonly string[], options: ReadonlyMap<string, readonly string[]>): Promise<Outcome>;
}

export interface Outcome {
  readonly lines: readonly string[];
  readonly warnings: readonly string[];
}

const HOST: CommandOption = {
  name: 'host',
  short: 'H',
  value: 'string',
  help: `engine to speak to (default $DOCKER_HOST or ${DEFAULT_HOST})`,
};

class UsageError extends Error {
  constructor(
    message: string,
    readonly exitCode: number,
  ) {
    super(message);
  }
}

/** Runs a command; answers its exit code. Usage and errors are told as the docker CLI tells them. */
export async function runCommand(command: ClientCommand, argv: readonly string[], defaultHost: string): Promise<number> {
  const known = [...command.options, HOST];
  try {
    const { args, options } = read(command, known, argv);
    if (options.has('help')) {
      process.stdout.write(helpOf(command, known));
      return 0;
    }
    if (args.length < command.least) throw tooFew(command);
    const host = options.get('host')?.at(-1) ?? (defaultHost || DEFAULT_HOST);
    const { lines, warnings } = await command.run(new EngineApi(host), args, options);
    for (const warning of warnings) process.stderr.write(`WARNING: ${warning}\n`);
    for (const line of lines) process.stdout.write(`${line}\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    return error instanceof UsageError ? error.exitCode : 1;
  }
}

function read(
  command: ClientCommand,
  known: readonly CommandOption[],
  argv: readonly string[],
): { args: string[]; options: Map<string, string[]> } {
  const args: string[] = [];
  const options = new Map<string, string[]>();
  const fail = (message: string): never => {
    throw new UsageError(`${message}\n\n${usageOf(command)}\n\nRun 'gantry ${command.name} --help' for more information`, 125);
  };
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] ?? '';
    if (word === '--') {
      args.push(...argv.slice(at + 1));
      break;
    }
    if (!word.startsWith('-') || word === '-') {
      args.push(word);
      continue;
    }
    if (word === '--help' || word === '-h') {
      options.set('help', []);
      continue;
    }
    const [, long, given] = /^--([^=]+)(?:=(.*))?$/s.exec(word) ?? [];
    const option = known.find(({ name, short }) => (long === undefined ? short === word[1] : name === long));
    if (option === undefined)
      return fail(long === undefined ? `unknown shorthand flag: '${word[1]}' in ${word}` : `unknown flag: --${long}`);
    const attached = long === undefined ? word.slice(2).replace(/^=/, '') || undefined : given;
    const value = attached ?? argv[++at];
    if (value === undefined)
      return fail(long === undefined ? `flag needs an argument: '${word[1]}' in ${word}` : `flag needs an argument: --${long}`);
    options.set(option.name, [...(options.get(option.name) ?? []), value]);
  }
  return { args, options };
}

const usageOf = ({ name, usage }: ClientCommand): string => `Usage:  gantry ${name} ${usage}`;

function tooFew(command: ClientCommand): UsageError {
  const { name, least } = command;
  return new UsageError(
    `gantry: 'gantry ${name}' requires at least ${least} argument${least === 1 ? '' : 's'}\n\n${usageOf(command)}\n\nRun 'gantry ${name} --help' for more information`,
    1,
  );
}

function helpOf(command: ClientCommand, known: readonly CommandOption[]): string {
  const heads = known.map(({ name, short, value }) => `  ${short === undefined ? '    ' : `-${short}, `}--${name} ${value}`);
  const width = Math.max(...heads.map((head) => head.length)) + 3;
  const lines = known.map(({ help }, index) => `${(heads[index] ?? '').padEnd(width)}${help}`);
  return `${usageOf(command)}\n\n${command.summary}\n\nOptions:\n${lines.join('\n')}\n`;
}
