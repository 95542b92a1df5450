import { type Verb, VERBS } from './images/run';

/** What the command line asks for. */
export interface BenchOptions {
  /** Path of the dockerd to measure against. */
  dockerd: string;
  /** dockerd keeps its images in its containerd: what its newer versions do, and what builds want. */
  containerdStore: boolean;
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
  /** One round more of each case, in which the memory of the engines is looked at. */
  memory: boolean;
  /** Only show where the time of one run goes, without dockerd. */
  profile: boolean;
}

export function parseOptions(argv: readonly string[]): BenchOptions {
  const options: BenchOptions = {
    dockerd: 'dockerd',
    containerdStore: false,
    rounds: 20,
    only: [],
    verbs: undefined,
    json: undefined,
    before: undefined,
    all: false,
    profile: false,
    memory: false,
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
      case '--containerd-store':
        options.containerdStore = true;
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
      case '--memory':
        options.memory = true;
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
