import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { projectRoot } from '../../../test-e2e/src/harness/paths';
import type { BenchOptions } from '../options';
import { criRows, criTable } from './run';

const CRI = 'cri';
const ONE_CASE = `${CRI}: `;

/** Whether all that is asked for are pods: `--only cri`, or a case of them, `--only 'cri: lists'`. */
export const asksForPods = ({ only }: Pick<BenchOptions, 'only'>): boolean =>
  only.length > 0 && only.every((name) => name === CRI || name.startsWith(ONE_CASE));

/** Pods beside containerd: no dockerd has a part in it. */
export async function besideContainerd({ rounds, json, only }: BenchOptions): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'gantry-e2e-bench-'));
  const cases = only.includes(CRI) ? [] : only.map((name) => name.slice(ONE_CASE.length));
  try {
    const rows = await criRows({ rounds, work, only: cases, say: (line) => void process.stdout.write(`${line}\n`) });
    process.stdout.write(`\n${criTable(rows)}\n`);
    const file = json ?? join(projectRoot, 'dist/bench.json');
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, JSON.stringify({ date: new Date().toISOString(), rounds, cri: rows }, null, 2));
    process.stdout.write(`\nJSON: ${file}\n`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
