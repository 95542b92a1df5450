import type { StoreService } from '@gantry/api/containerd/services/sandbox/v1/sandbox';
import type { Sandbox } from '@gantry/api/containerd/types/types';
import { type Handlers, invalidArgument } from '@gantry/rpc';
import type { Records } from '../../core/records';
import type { Sandboxes } from '../../core/sandboxes';
import { compileFilters } from '@gantry/oci/filter';
import { sandboxFields } from '../filter/fields';
import { checkIdentifier, checkLabels } from '../identifiers';
import { keepPrepared } from './extension';
import { applySandboxUpdate } from './update';

export interface SandboxStoreNeeds {
  readonly records: Pick<Records, 'namespaces'>;
  readonly sandboxes: Sandboxes;
}

/** containerd.services.sandbox.v1.Store: the records of sandboxes, those of every sandboxer. */
export function sandboxStoreHandlers({ records, sandboxes }: SandboxStoreNeeds): Handlers<typeof StoreService> {
  return {
    async create(ctx, { sandbox }) {
      const checked = check(sandbox);
      if (records.namespaces.get(ctx.namespace) === undefined) records.namespaces.create(ctx.namespace, {});
      return { sandbox: sandboxes.create(ctx.namespace, checked).sandbox };
    },
    async update(ctx, { sandbox, fields }) {
      if (sandbox === undefined) throw invalidArgument('sandbox must be set: invalid argument');
      const change = (current: Sandbox): Sandbox => keepPrepared(check(applySandboxUpdate(current, sandbox, fields)), current);
      return { sandbox: sandboxes.update(ctx.namespace, sandbox.sandboxId, change).sandbox };
    },
    async delete(ctx, { sandboxId }) {
      sandboxes.delete(ctx.namespace, sandboxId);
      return {};
    },
    async list(ctx, { filters }) {
      const matches = compileFilters(filters);
      const all = sandboxes.list(ctx.namespace).map(({ sandbox }) => sandbox);
      return { list: all.filter((sandbox) => matches(sandboxFields(sandbox))) };
    },
    get: async (ctx, { sandboxId }) => ({ sandbox: sandboxes.require(ctx.namespace, sandboxId).sandbox }),
  };
}

/** What containerd asks of a sandbox record before it stores it. */
function check(sandbox: Sandbox | undefined): Sandbox {
  if (sandbox === undefined) throw invalidArgument('sandbox must be set: invalid argument');
  checkIdentifier(sandbox.sandboxId);
  checkLabels(sandbox.labels);
  if (Object.hasOwn(sandbox.extensions, '')) throw invalidArgument('sandbox.Extensions keys must not be zero-length: invalid argument');
  return sandbox;
}
