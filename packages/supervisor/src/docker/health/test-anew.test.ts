import { HostConfig } from '@gantry/api/gantry/engine/v1/types';
import { Container } from '@gantry/api/gantry/engine/v1/record';
import type { DockerContainer } from '../records';
import { Phase } from '../../core/phases';
import { testAnew } from './probe';

const log = [{ Start: 'then', End: 'then', ExitCode: 1n, Output: 'no' }];

function after(status: string, phase: Phase, action = ''): DockerContainer['health'] {
  let docker: DockerContainer = Container.create({
    hostConfig: HostConfig.create({ HealthcheckOnFailureAction: action }),
    health: { Status: status, FailingStreak: 3n, Log: log },
    state: { phase },
  });
  const records = {
    getDocker: () => ({ id: 'c', docker }),
    updateDocker: (_id: string, change: (before: DockerContainer) => DockerContainer) => void (docker = change(docker)),
  };
  testAnew({ records } as unknown as Parameters<typeof testAnew>[0], 'c');
  return docker.health;
}

test.each(['healthy', 'unhealthy'])('what was %s before the engine began is starting again, with its log', (status) => {
  expect(after(status, Phase.PHASE_RUNNING)).toEqual({ Status: 'starting', FailingStreak: 0n, Log: log });
});

test.each([
  ['starting', Phase.PHASE_RUNNING, ''],
  ['healthy', Phase.PHASE_EXITED, ''],
  ['unhealthy', Phase.PHASE_RUNNING, 'restart'],
])('%s stays so in phase %s with action "%s"', (status, phase, action) => {
  expect(after(status, phase, action)).toMatchObject({ Status: status, FailingStreak: 3n });
});
