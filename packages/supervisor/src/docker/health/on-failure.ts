import type { HostConfig } from '@gantry/api/gantry/engine/v1/types';
import { invalidArgument } from '@gantry/rpc';
import { stateOf } from '../../core/phases';
import type { DockerContainer } from '../records';

/** Says the action where a client has no member for it. Only the request's own label counts: an image decides nothing of the host's. */
export const UNHEALTHY_LABEL = 'gantry.unhealthy';

const ACTIONS = ['restart', 'stop', 'kill'] as const;
export type UnhealthyAction = (typeof ACTIONS)[number];

type Said = Pick<HostConfig, 'HealthcheckOnFailureAction' | 'AutoRemove'>;

/** What is done with a container that is unhealthy. Throws invalidArgument for a word that is none. */
export function unhealthyAction({ HealthcheckOnFailureAction: said, AutoRemove: removed }: Said): UnhealthyAction | undefined {
  if (said === '' || said === 'none') return undefined;
  const action = ACTIONS.find((each) => each === said);
  if (action === undefined)
    throw invalidArgument(`invalid HealthcheckOnFailureAction: "${said}"; use one of 'none', 'restart', 'stop', or 'kill'`);
  if (action === 'restart' && removed) throw invalidArgument("can't restart an unhealthy 'AutoRemove' container");
  return action;
}

/** The host configuration with what the label says. Throws invalidArgument when both say something, and not the same. */
export function withUnhealthyLabel(host: HostConfig, labels: Readonly<Record<string, string>>): HostConfig {
  const label = labels[UNHEALTHY_LABEL] ?? '';
  const member = host.HealthcheckOnFailureAction;
  if (label !== '' && member !== '' && label !== member)
    throw invalidArgument(`label ${UNHEALTHY_LABEL}=${label} contradicts HealthcheckOnFailureAction "${member}"`);
  const said = member || label;
  return { ...host, HealthcheckOnFailureAction: said === 'none' ? '' : said };
}

/** Whether a container that ended is started again because it was unhealthy, though its policy alone would not. */
export function restartsUnhealthy(docker: DockerContainer): boolean {
  const { restartCount, manuallyStopped } = stateOf(docker);
  const { RestartPolicy: policy } = docker.hostConfig ?? {};
  const most = policy?.Name === 'on-failure' ? policy.MaximumRetryCount : 0n;
  return isUnhealthy(docker) && isToRestart(docker) && !manuallyStopped && (most === 0n || restartCount < most);
}

export const isUnhealthy = ({ health }: DockerContainer): boolean => health?.Status === 'unhealthy';
export const isToRestart = ({ hostConfig: host }: DockerContainer): boolean => host !== undefined && unhealthyAction(host) === 'restart';
