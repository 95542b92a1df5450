import { writeSync } from 'node:fs';
import { internal } from '@gantry/rpc/errors';
import { carryOut, type Verbs } from './carry-out';
import { ownCaller } from './config';
import type { Launcher } from './context';
import { servePlanner } from './planner/serve';
import { checkpoint } from './verbs/checkpoint';
import { create } from './verbs/create';
import { events } from './verbs/events';
import { exec } from './verbs/exec';
import { features } from './verbs/features';
import { restore } from './verbs/restore';
import { run } from './verbs/run';
import { spec } from './verbs/spec';
import { update } from './verbs/update';

const verbs: Verbs = { alone: { checkpoint, events, features, restore, spec }, planned: { create, exec, run, update } };

/** Of a program that was started by itself, and not as a planner: it makes no process that would be another one's child. */
const alone: Launcher = {
  create: () => Promise.reject(internal('containers are made by gantry-runc itself')),
  start: () => Promise.reject(internal('containers are started by gantry-runc itself')),
  print: (type, text) => {
    writeAll(type === 'O' ? 1 : 2, text);
  },
};

/* Written at once: the process ends right after. */
function writeAll(fd: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return; /* nobody reads */
    }
  }
}

const [, , first, path] = process.argv;
if (first === '--planner') void servePlanner(path ?? '', verbs);
else {
  void carryOut(ownCaller(), verbs, alone).then((code) => {
    process.exit(Number(code));
  });
}
