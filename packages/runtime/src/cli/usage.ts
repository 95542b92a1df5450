import type { Verbs } from './carry-out';
import { globalFlags } from './config';

interface Shown {
  readonly usage: string;
  readonly help: string;
}

/** What the C half does without us (packages/native/cli). */
const native: Readonly<Record<string, Shown>> = {
  delete: { usage: 'delete [--force] ID', help: 'delete what a container left' },
  kill: { usage: 'kill [--all] ID [SIGNAL]', help: "signal a container's first process (default SIGTERM)" },
  list: { usage: 'list [--format table|json] [--quiet]', help: 'list the containers of this root' },
  pause: { usage: 'pause ID', help: 'stop every process of a container for a while' },
  ps: { usage: 'ps [--format table|json] ID [PS-OPTION...]', help: "list a container's processes" },
  resume: { usage: 'resume ID', help: 'let a paused container go on' },
  start: { usage: 'start ID', help: "let a created container's process run" },
  state: { usage: 'state ID', help: 'print the state of a container as JSON' },
};

const all = ({ alone, planned }: Verbs): [string, Shown][] =>
  Object.entries<Shown>({ ...native, ...alone, ...planned }).sort(([a], [b]) => (a < b ? -1 : 1));

/** The text of --help. */
export function usage(verbs: Verbs): string {
  const lines = all(verbs).map(([, verb]) => `  ${verb.usage.padEnd(48)} ${verb.help}`);
  const flags = Object.entries(globalFlags).map(([name, flag]) => `  --${name.padEnd(46)} ${flag.help}`);
  return `NAME:\n   gantry-runc - Open Container Initiative runtime\n\nUSAGE:\n   gantry-runc [flags] COMMAND\n\nCOMMANDS:\n${lines.join('\n')}\n\nFLAGS:\n${flags.join('\n')}\n`;
}

/** That of one verb; undefined when there is no such verb. */
export function verbHelp(name: string, verbs: Verbs): string | undefined {
  const verb = all(verbs).find(([known]) => known === name)?.[1];
  return verb && `NAME:\n   gantry-runc ${name} - ${verb.help}\n\nUSAGE:\n   gantry-runc ${verb.usage}\n`;
}
