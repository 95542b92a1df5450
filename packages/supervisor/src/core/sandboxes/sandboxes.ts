import { timestampAfter, timestampNow } from '@gantry/api';
import { Sandbox } from '@gantry/api/containerd/types/types';
import { alreadyExists, failedPrecondition, invalidArgument, notFound } from '@gantry/rpc';
import type { Database } from '../records';
import type { Sandboxes, SandboxPhase, SandboxRecord, SandboxState } from './contract';

const moves: Readonly<Record<SandboxPhase, readonly SandboxPhase[]>> = {
  created: ['ready', 'stopped'],
  ready: ['stopped'],
  stopped: [],
};

const made: SandboxState = { phase: 'created', pid: 0, netnsPath: '', bootId: '', startedAt: '', stoppedAt: '', exitCode: 0 };

interface Row {
  readonly namespace: string;
  readonly id: string;
  readonly record: Uint8Array;
  readonly state: string;
}

/** Opens the sandboxes of one database; see Sandboxes for the contract. */
export function openSandboxes(db: Database): Sandboxes {
  const one = db.sql.prepare('SELECT namespace, id, record, state FROM sandboxes WHERE namespace = ? AND id = ?');
  const inOne = db.sql.prepare('SELECT namespace, id, record, state FROM sandboxes WHERE namespace = ? ORDER BY seq');
  const all = db.sql.prepare('SELECT namespace, id, record, state FROM sandboxes ORDER BY seq');
  const insert = db.sql.prepare(
    'INSERT INTO sandboxes (namespace, id, seq, record, state) VALUES (?, ?, (SELECT coalesce(max(seq), 0) + 1 FROM sandboxes), ?, ?)',
  );
  const setRecord = db.sql.prepare('UPDATE sandboxes SET record = ? WHERE namespace = ? AND id = ?');
  const setState = db.sql.prepare('UPDATE sandboxes SET state = ? WHERE namespace = ? AND id = ?');
  const drop = db.sql.prepare('DELETE FROM sandboxes WHERE namespace = ? AND id = ?');

  const read = (row: Row): SandboxRecord =>
    db.read(row.id, () => ({
      namespace: row.namespace,
      sandbox: Sandbox.decode(row.record),
      state: { ...made, ...(JSON.parse(row.state) as Partial<SandboxState>) },
    }));
  const get = (namespace: string, id: string): SandboxRecord | undefined => {
    const row = one.get(namespace, id) as unknown as Row | undefined;
    return row === undefined ? undefined : read(row);
  };
  const require = (namespace: string, id: string): SandboxRecord => {
    const record = get(namespace, id);
    if (record === undefined) throw notFound(`sandbox "${id}" in namespace "${namespace}": not found`);
    return record;
  };

  return {
    get,
    require,
    list: (namespace) => (inOne.all(namespace) as unknown as Row[]).map(read),
    create(namespace, given, options) {
      const id = given.sandboxId;
      const now = timestampNow();
      const sandbox = { ...given, createdAt: now, updatedAt: now };
      return db.transaction(() => {
        if (get(namespace, id) !== undefined) throw alreadyExists(`sandbox "${id}": already exists`);
        insert.run(namespace, id, Sandbox.encode(sandbox).finish(), JSON.stringify(made));
        return { namespace, sandbox, state: made };
      }, options);
    },
    update(namespace, id, change) {
      return db.transaction(() => {
        const { sandbox: current, state } = require(namespace, id);
        const changed = change(structuredClone(current));
        if (changed.sandboxId !== id) throw invalidArgument(`sandbox "${id}": the id cannot be changed`);
        const sandbox = { ...changed, createdAt: current.createdAt, updatedAt: timestampAfter(current.updatedAt) };
        setRecord.run(Sandbox.encode(sandbox).finish(), namespace, id);
        return { namespace, sandbox, state };
      });
    },
    move(namespace, id, phase, change = {}) {
      return db.transaction(() => {
        const { sandbox, state: current } = require(namespace, id);
        if (!moves[current.phase].includes(phase))
          throw failedPrecondition(`sandbox "${id}": cannot go from ${current.phase} to ${phase}: failed precondition`);
        const state = { ...current, ...change, phase };
        setState.run(JSON.stringify(state), namespace, id);
        return { namespace, sandbox, state };
      });
    },
    delete(namespace, id) {
      db.transaction(() => {
        if (require(namespace, id).state.phase === 'ready')
          throw failedPrecondition(`sandbox "${id}" is ready, it must be stopped before it is deleted: failed precondition`);
        drop.run(namespace, id);
      });
    },
    live: (bootId) =>
      (all.all() as unknown as Row[])
        .map(read)
        .filter(({ state }) => state.phase === 'ready' && state.bootId === bootId && state.netnsPath !== '')
        .map(({ sandbox, state }) => ({ sandboxId: sandbox.sandboxId, netnsPath: state.netnsPath })),
  };
}
