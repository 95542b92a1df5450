import { execFileSync } from 'node:child_process';
import { invalidArgument } from '@gantry/rpc/errors';
import { parseFlags, positional } from '../arguments';
import type { Verb } from '../context';
import { loadState } from '../state';

const flags = { format: { kind: 'string', short: 'f', help: 'table or json' } } as const;

export const ps: Verb = {
  usage: 'ps [--format table|json] ID [PS-OPTION...]',
  help: "list a container's processes",
  async run(context, words) {
    const { values, rest } = parseFlags(words, flags);
    const [id, ...options] = rest;
    positional(id === undefined ? [] : [id], ['ID']);
    const pids = await context.cgroups.pids(loadState(context.root, id as string).cgroup);
    if (values.format === 'json') {
      context.print(`${JSON.stringify(pids)}\n`);
      return 0;
    }
    if (values.format !== undefined && values.format !== 'table') throw invalidArgument(`format "${values.format}" is not table or json`);
    /* The host's ps, never one of the image. */
    const text = execFileSync('/bin/ps', options.length ? options : ['-ef'], { encoding: 'utf8' });
    const [head = '', ...lines] = text.trimEnd().split('\n');
    const column = head.trim().split(/\s+/).indexOf('PID');
    if (column < 0) throw invalidArgument('the ps options give no PID column');
    const ours = lines.filter((line) => pids.includes(Number(line.trim().split(/\s+/)[column])));
    context.print(`${[head, ...ours].join('\n')}\n`);
    return 0;
  },
};
