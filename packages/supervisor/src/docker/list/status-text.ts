import { stateOf } from '../../core/phases';
import type { DockerContainer } from '../records';
import { dockerStatus } from '../status';
import { humanDuration } from './duration';

/** The STATUS column of `docker ps`. `now` in milliseconds since the epoch. */
export function statusText(docker: DockerContainer, now = Date.now()): string {
  const state = stateOf(docker);
  const since = (time: string): string => humanDuration(Math.max(0, now - Date.parse(time)));
  switch (dockerStatus(docker)) {
    case 'running': {
      const health = docker.health?.Status ?? '';
      const suffix = health === '' || health === 'none' ? '' : health === 'starting' ? ' (health: starting)' : ` (${health})`;
      return `Up ${since(state.startedAt)}${suffix}`;
    }
    case 'paused':
      return `Up ${since(state.startedAt)} (Paused)`;
    case 'restarting':
      return `Restarting (${state.exitCode}) ${since(state.finishedAt)} ago`;
    case 'removing':
      return 'Removal In Progress';
    case 'dead':
      return 'Dead';
    case 'created':
      return 'Created';
    case 'exited':
      return state.finishedAt === '' ? '' : `Exited (${state.exitCode}) ${since(state.finishedAt)} ago`;
  }
}
