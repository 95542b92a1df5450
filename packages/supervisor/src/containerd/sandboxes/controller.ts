import { parseTimestamp, timestampNow } from '@gantry/api';
import { SandboxCreate, SandboxExit, SandboxStart } from '@gantry/api/containerd/events/events';
import type { ControllerService } from '@gantry/api/containerd/services/sandbox/v1/sandbox';
import type { Sandbox } from '@gantry/api/containerd/types/types';
import { hostPlatform } from '@gantry/oci';
import { alreadyExists, type CallContext, failedPrecondition, type Handlers, invalidArgument, notFound, notImplemented } from '@gantry/rpc';
import type { Envelopes } from '../../core/events';
import type { RuntimeTable } from '../../core/runtimes';
import type { Sandboxes, SandboxRecord } from '../../core/sandboxes';
import { runsHere } from '../tasks/runtime-options';
import { SandboxEnds } from './ends';
import { heldNamespaces, type Holders, holderId } from './held';
import { keepPrepared, preparedOf, withPrepared } from './extension';
import { applySandboxUpdate } from './update';

/** containerd's name of the controller whose sandboxes are kept by a shim. */
export const SHIM_SANDBOXER = 'shim';

/** Our own: namespaces that the sandbox's spec names are made and held by a small process of the shim's. CRI's pods are of it. */
export const POD_SANDBOXER = 'pod';

export interface ControllerNeeds {
  readonly holders: Holders;
  readonly sandboxes: Sandboxes;
  readonly envelopes: Envelopes;
  readonly runtimes: RuntimeTable;
  readonly bootId: string;
}

/** What a sandbox ends with whose holder was killed. */
const KILLED = 137;

/** Calls that last as long as a sandbox does. */
export const LONG_CONTROLLER_CALLS = ['wait'] as const;

/**
 * containerd.services.sandbox.v1.Controller for the sandboxer `shim`. The sandbox of a runtime that runs here is a group of containers, with a network
 * namespace of its caller's: it has no process, as below a shim that is the sandbox itself. One in which another program would run the containers (a
 * machine) is refused by its runtime's name.
 */
export function sandboxControllerHandlers({
  sandboxes,
  envelopes,
  runtimes,
  bootId,
  holders,
}: ControllerNeeds): Handlers<typeof ControllerService> {
  const ends = new SandboxEnds();
  const find = (ctx: CallContext, { sandboxId, sandboxer }: { sandboxId: string; sandboxer: string }): SandboxRecord => {
    if (sandboxer === '') throw invalidArgument('sandbox controller name can not be empty: invalid argument');
    if (sandboxer !== SHIM_SANDBOXER && sandboxer !== POD_SANDBOXER)
      throw notFound(`failed to get sandbox controller by ${sandboxer}: not found`);
    const record = sandboxes.require(ctx.namespace, sandboxId);
    if ((record.sandbox.sandboxer === POD_SANDBOXER) !== (sandboxer === POD_SANDBOXER))
      throw notFound(`sandbox "${sandboxId}" is not of the controller "${sandboxer}": not found`);
    return record;
  };
  /** One that its controller has: created by it, and not ended. */
  const living = (ctx: CallContext, request: { sandboxId: string; sandboxer: string }): SandboxRecord => {
    const record = find(ctx, request);
    if (record.state.phase === 'stopped' || preparedOf(record.sandbox) === undefined)
      throw notFound(`unable to find sandbox "${request.sandboxId}": not found`);
    return record;
  };
  const end = async (ctx: CallContext, { sandbox: { sandboxId, sandboxer } }: SandboxRecord, exitCode = 0): Promise<void> => {
    if (sandboxer === POD_SANDBOXER) await holders.release(ctx, { id: holderId(ctx.namespace, sandboxId) });
    if (sandboxes.require(ctx.namespace, sandboxId).state.phase === 'stopped') return;
    const ended = sandboxes.move(ctx.namespace, sandboxId, 'stopped', { pid: 0, exitCode, stoppedAt: new Date().toISOString() });
    const message = { sandboxId, exitStatus: ended.state.exitCode, exitedAt: parseTimestamp(ended.state.stoppedAt) };
    envelopes.publish(ctx.namespace, '/sandboxes/exit', { type: SandboxExit, message });
    ends.tell(ctx.namespace, sandboxId);
  };

  /** One whose holder has died is not ready any more. */
  const endIfDead = async (ctx: CallContext, record: SandboxRecord): Promise<void> => {
    const { sandbox, state } = record;
    if (sandbox.sandboxer !== POD_SANDBOXER || state.phase !== 'ready') return;
    const id = holderId(ctx.namespace, sandbox.sandboxId);
    const { holders: found } = await holders.list(ctx, { id });
    if (!found.some(({ alive }) => alive)) await end(ctx, record, KILLED);
  };

  /** Where its containers are put: what its caller made, or what is held for it from now on. */
  const placeOf = async (ctx: CallContext, sandbox: Sandbox): Promise<{ readonly netnsPath: string; readonly pid: number }> => {
    if (sandbox.sandboxer !== POD_SANDBOXER) return { netnsPath: preparedOf(sandbox)?.netnsPath ?? '', pid: 0 };
    const wish = heldNamespaces(ctx.namespace, sandbox);
    const { holder } = await holders.hold(ctx, wish);
    const pid = holder?.pid ?? 0;
    return { netnsPath: wish.network ? `/proc/${pid}/ns/net` : '', pid };
  };

  return {
    async create(ctx, { sandboxId: named, sandbox: given, sandboxer, rootfs, netnsPath }) {
      const sandboxId = named === '' ? (given?.sandboxId ?? '') : named;
      const { sandbox } = find(ctx, { sandboxId, sandboxer });
      const runtime = sandbox.runtime?.name ?? '';
      if (preparedOf(sandbox) !== undefined) throw alreadyExists(`sandbox ${sandboxId} already running: already exists`);
      // A pod's holder is ours, whatever runs in the pod.
      if (sandboxer === SHIM_SANDBOXER && !runsHere(runtimes, runtime))
        throw notImplemented(`sandbox "${sandboxId}": sandboxes of the runtime "${runtime}" are not supported: not implemented`);
      if (rootfs.length > 0)
        throw notImplemented(`sandbox "${sandboxId}": a root file system is not supported, for it has no process: not implemented`);
      sandboxes.update(ctx.namespace, sandboxId, (current) => withPrepared(current, { netnsPath }));
      envelopes.publish(ctx.namespace, '/sandboxes/create', { type: SandboxCreate, message: { sandboxId } });
      return { sandboxId };
    },
    async start(ctx, request) {
      const { sandbox } = living(ctx, request);
      const { sandboxId, labels, spec } = sandbox;
      const startedAt = new Date().toISOString();
      const { netnsPath, pid } = await placeOf(ctx, sandbox);
      const { state } = sandboxes.move(ctx.namespace, sandboxId, 'ready', { netnsPath, pid, bootId, startedAt });
      envelopes.publish(ctx.namespace, '/sandboxes/start', { type: SandboxStart, message: { sandboxId } });
      return { sandboxId, pid: state.pid, createdAt: parseTimestamp(startedAt), labels, address: '', version: 0, spec };
    },
    async platform(ctx, request) {
      living(ctx, request);
      return { platform: { variant: '', ...hostPlatform(), osVersion: '', osFeatures: [] } };
    },
    async stop(ctx, request) {
      await end(ctx, find(ctx, request));
      return {};
    },
    async wait(ctx, request) {
      let record = find(ctx, request);
      if (record.state.phase === 'created') throw failedPrecondition(`sandbox "${request.sandboxId}" was not started: failed precondition`);
      if (record.state.phase !== 'stopped') {
        await ends.next(ctx, request.sandboxId);
        record = find(ctx, request);
      }
      return { exitStatus: record.state.exitCode, exitedAt: parseTimestamp(record.state.stoppedAt) };
    },
    async status(ctx, request) {
      await endIfDead(ctx, find(ctx, request));
      const {
        sandbox: { sandboxId, createdAt },
        state: { phase, pid, stoppedAt, netnsPath },
      } = find(ctx, request);
      return {
        sandboxId,
        pid,
        state: phase === 'ready' ? 'SANDBOX_READY' : 'SANDBOX_NOTREADY',
        info: request.verbose ? { netnsPath } : {},
        createdAt,
        exitedAt: stoppedAt === '' ? undefined : parseTimestamp(stoppedAt),
        extra: undefined,
        address: '',
        version: 0,
      };
    },
    async shutdown(ctx, request) {
      await end(ctx, find(ctx, request));
      return {};
    },
    async metrics(ctx, request) {
      living(ctx, request);
      return { metrics: { timestamp: timestampNow(), id: request.sandboxId, data: undefined } }; // it has no process of its own
    },
    async update(ctx, { sandboxId, sandboxer, sandbox, fields }) {
      find(ctx, { sandboxId, sandboxer });
      if (sandbox === undefined) throw invalidArgument('sandbox can not be nil: invalid argument');
      sandboxes.update(ctx.namespace, sandboxId, (current) => keepPrepared(applySandboxUpdate(current, sandbox, fields), current));
      return {};
    },
  };
}
