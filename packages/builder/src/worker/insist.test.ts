import { alreadyExists, notFound, unavailable } from '@gantry/rpc';
import { insist, insistOnMaking } from './insist';

/** A call that meets these ends one after the other, and then answers. */
function failing(...ends: Error[]) {
  const tries: boolean[] = [];
  const call = (again = false): Promise<string> => {
    tries.push(again);
    const end = ends.shift();
    return end === undefined ? Promise.resolve('answer') : Promise.reject(end);
  };
  return { tries, call };
}

test('a call over which the service died is made again, one that was refused is not', async () => {
  const died = failing(unavailable('gone'), unavailable('gone'));
  expect([await insist(died.call), died.tries]).toEqual(['answer', [false, true, true]]);
  const refused = failing(notFound('none'));
  await expect(insist(refused.call)).rejects.toMatchObject({ kind: 'notFound' });
  expect(refused.tries).toEqual([false]);
});

test('a service that dies every time is told', async () => {
  const { tries, call } = failing(...Array.from({ length: 9 }, () => unavailable('gone')));
  await expect(insist(call)).rejects.toMatchObject({ kind: 'unavailable' });
  expect(tries).toHaveLength(5);
});

test('what is there on another try was made by the one before, and only then', async () => {
  await insistOnMaking(failing(unavailable('gone'), alreadyExists('there')).call);
  await expect(insistOnMaking(failing(alreadyExists('there')).call)).rejects.toMatchObject({ kind: 'alreadyExists' });
});
