import { type PodSandbox, PodSandboxState, type PodSandboxStatus } from '@gantry/api/runtime/v1/api';
import { type CallContext, isErrorOf } from '@gantry/rpc';
import type { Services } from '../services';
import { isHostNetwork, namespacesOf, type Pod, SANDBOXER } from './pod';

type StatusNeeds = { readonly services: { readonly controller: Pick<Services['controller'], 'status'> } };

/** Whether a pod is ready, and its holder. */
export async function stateOf(
  { services }: StatusNeeds,
  ctx: CallContext,
  id: string,
): Promise<{ readonly ready: boolean; readonly pid: number }> {
  try {
    const { state, pid } = await services.controller.status(ctx, { sandboxId: id, sandboxer: SANDBOXER, verbose: false });
    return { ready: state === 'SANDBOX_READY', pid };
  } catch (error) {
    if (isErrorOf(error, 'notFound')) return { ready: false, pid: 0 }; // removed meanwhile
    throw error;
  }
}

export const wordOf = ({ ready }: { readonly ready: boolean }): PodSandboxState =>
  ready ? PodSandboxState.SANDBOX_READY : PodSandboxState.SANDBOX_NOTREADY;

export function itemOf({ id, config, facts, createdAt }: Pod, state: { readonly ready: boolean }): PodSandbox {
  const { metadata, labels, annotations } = config;
  return { id, metadata, state: wordOf(state), createdAt, labels, annotations, runtimeHandler: facts.runtimeHandler };
}

/** A pod that is not ready has no address any more. */
export function podStatus(pod: Pod, state: { readonly ready: boolean }): PodSandboxStatus {
  const [ip = '', ...others] = state.ready && !isHostNetwork(pod.config) ? pod.facts.ips : [];
  return {
    ...itemOf(pod, state),
    network: { ip, additionalIps: others.map((address) => ({ ip: address })) },
    linux: { namespaces: { options: namespacesOf(pod.config) } },
  };
}
