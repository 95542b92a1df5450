import { existsSync, statSync } from 'node:fs';
import { invalidArgument, notFound } from '@gantry/rpc/errors';
import { parseFlags, positional } from '../arguments';
import type { Verb } from '../context';
import { allIds, loadState, stateDirectory, statusOf } from '../state';

const flags = {
  format: { kind: 'string', short: 'f', help: 'table or json' },
  quiet: { kind: 'boolean', short: 'q', help: 'ids only' },
} as const;

export const list: Verb = {
  usage: 'list [--format table|json] [--quiet]',
  help: 'list the containers of this root',
  async run(context, words) {
    const { values, rest } = parseFlags(words, flags, { interleaved: true });
    positional(rest, []);
    if (context.rootGiven && !existsSync(context.root)) throw notFound(`root ${context.root} does not exist`);
    const rows = await Promise.all(
      allIds(context.root).map(async (id) => {
        const state = loadState(context.root, id);
        const status = await statusOf(context.root, state, context.cgroups);
        return {
          ociVersion: state.spec.ociVersion,
          id,
          pid: status === 'stopped' ? 0 : state.pid,
          status,
          bundle: state.bundle,
          rootfs: state.rootfs,
          created: state.created,
          owner: ownerOf(stateDirectory(context.root, id)),
        };
      }),
    );
    if (values.quiet) context.print(rows.map((row) => `${row.id}\n`).join(''));
    else if (values.format === 'json') context.print(`${rows.length ? JSON.stringify(rows) : 'null'}\n`);
    else if (values.format === undefined || values.format === 'table') context.print(table(rows));
    else throw invalidArgument(`format "${values.format}" is not table or json`);
    return 0;
  },
};

function ownerOf(path: string): string {
  const { uid } = statSync(path);
  return uid === 0 ? 'root' : `#${uid}`;
}

function table(rows: readonly { id: string; pid: number; status: string; bundle: string; created: string; owner: string }[]): string {
  const cells = [
    ['ID', 'PID', 'STATUS', 'BUNDLE', 'CREATED', 'OWNER'],
    ...rows.map((r) => [r.id, String(r.pid), r.status, r.bundle, r.created, r.owner]),
  ];
  const widths = cells[0]?.map((_, i) => Math.max(...cells.map((row) => (row[i] ?? '').length)) + 3) ?? [];
  return cells
    .map(
      (row) =>
        `${row
          .map((cell, i) => cell.padEnd(widths[i] ?? 0))
          .join('')
          .trimEnd()}\n`,
    )
    .join('');
}
