import { type Verb, VERBS } from './images/run';

/** What the command line asks for. */
export interface BenchOptions {
  /** Path of the dockerd to measure against. */
  dockerd: string;
  /** Samples a case and an engine. */
  rounds: number;
  /** Names of the cases to run; empty: all. */
  only: string[];
  /** Of the image cases; undefined: all. */
  verbs: Verb[] | undefined;
  json: string | undefined;
  /** Root of another built tree to measure this one against, instead of dockerd. */
  before: string | undefined;
  /** Heavy cases too: 1 GB of output, 500 containers at once. */
  all: boolean;
  /** Only show where the time of one run goes, without dockerd. */
  profile: boolean;
}

export function parseOptions(argv: readonly string[]): BenchOptions {
  const options: BenchOptions = {
    dockerd: 'dockerd',
    rounds: 20,
    only: [],
    verbs: undefined,
    json: undefined,
    before: undefined,
    all: false,
    profile: false,
  };
  for (let i = 0; i < argv.length; i++) {
    const value = (): string => {
      const next = argv[++i];
      if (next === undefined) throw new Error(`${argv[i - 1]} needs a value`);
      return next;
    };
    switch (argv[i]) {
      case '--dockerd':
        options.dockerd = value();
        break;
      case '--rounds':
        options.rounds = Number(value());
        break;
      case '--only':
        options.only = value().split(',');
        break;
      case '--verbs':
        options.verbs = verbs(value());
        break;
      case '--json':
        options.json = value();
        break;
      case '--before':
        options.before = value();
        break;
      case '--profile':
        options.profile = true;
        break;
      case '--all':
        options.all = true;
        break;
      case '--quick':
        options.rounds = 7;
        break;
      default:
        throw new Error(`unknown option ${argv[i]}`);
    }
  }
  return options;
}

function verbs(text: string): Verb[] {
  return text.split(',').map((name) => {
    const found = VERBS.find((verb) => verb === name);
    if (found === undefined) throw new Error(`unknown verb ${name}: ${VERBS.join(', ')}`);
    return found;
  });
}
