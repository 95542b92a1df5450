import { withoutPasswords } from './daemon-json';
import { makePlan } from './make-plan';
import { overriddenProxies } from './proxies';

const planOf = (flags: Record<string, string>) => makePlan({ flags: new Map(Object.entries(flags)), keys: new Map(), certificates: '/c' });

test('variables that say another proxy than the configuration are named, without what opens it', () => {
  const plan = planOf({ 'http-proxy': 'http://a:b@one', 'no-proxy': 'example.com' });
  const environment = { HTTP_PROXY: 'http://me:secret@two', http_proxy: 'http://a:b@one', no_proxy: 'x', HTTPS_PROXY: 'https://three' };
  expect(overriddenProxies(plan, environment)).toEqual([
    { name: 'HTTP_PROXY', old: 'http://xxxxx:xxxxx@two', chosen: 'http://xxxxx:xxxxx@one' },
    { name: 'no_proxy', old: 'x', chosen: 'example.com' },
  ]);
  expect(overriddenProxies(planOf({}), environment)).toEqual([]);
});

test('what opens a proxy is all before the last @', () =>
  expect(withoutPasswords('"https://me:secret@me:secret@host/a@b"')).toBe('"https://xxxxx:xxxxx@host/a@b"'));
