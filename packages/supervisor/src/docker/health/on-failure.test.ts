import { Container } from '@gantry/api/gantry/engine/v1/record';
import { HostConfig } from '@gantry/api/gantry/engine/v1/types';
import { restartsUnhealthy, unhealthyAction, withUnhealthyLabel } from './on-failure';

const host = (HealthcheckOnFailureAction: string, AutoRemove = false): HostConfig =>
  HostConfig.fromPartial({ HealthcheckOnFailureAction, AutoRemove });

test('the member and the label say the same thing; none is none', () => {
  const said = (member: string, label?: string): string =>
    withUnhealthyLabel(host(member), label === undefined ? {} : { 'gantry.unhealthy': label }).HealthcheckOnFailureAction;
  expect([said('', 'stop'), said('kill'), said('kill', 'kill'), said('none'), said('', 'none')]).toEqual(['stop', 'kill', 'kill', '', '']);
  expect(() => said('kill', 'stop')).toThrow('label gantry.unhealthy=stop contradicts HealthcheckOnFailureAction "kill"');
});

test.each([
  ['', undefined],
  ['none', undefined],
  ['restart', 'restart'],
  ['stop', 'stop'],
  ['kill', 'kill'],
])('"%s" does %s', (word, action) => expect(unhealthyAction(host(word))).toBe(action));

test('what is no word, and a restart of what removes itself, are refused', () => {
  expect(() => unhealthyAction(host('Restart'))).toThrow(`"Restart"; use one of 'none', 'restart', 'stop', or 'kill'`);
  expect(() => unhealthyAction(host('restart', true))).toThrow("'AutoRemove'");
  expect(unhealthyAction(host('kill', true))).toBe('kill');
});

test.each([
  ['unhealthy and to be restarted', {}, true],
  ['healthy', { health: { Status: 'healthy' } }, false],
  ['stopped by a user', { state: { manuallyStopped: true } }, false],
  ['with another action', { hostConfig: { HealthcheckOnFailureAction: 'stop' } }, false],
  [
    'restarted as often as its policy allows',
    {
      state: { restartCount: 2n },
      hostConfig: { HealthcheckOnFailureAction: 'restart', RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 2n } },
    },
    false,
  ],
])('an ended container that was %s', (_, change, restarts) => {
  const docker = Container.fromPartial({
    health: { Status: 'unhealthy' },
    hostConfig: { HealthcheckOnFailureAction: 'restart' },
    state: { restartCount: 2n },
    ...change,
  });
  expect(restartsUnhealthy(docker)).toBe(restarts);
});
