import { byRemoval } from './undo';

it('takes the state of a monitor away before its exit, and the record last: whatever is left when a shim is killed in between is gone on with', () => {
  expect(['task.json', 'exit.json', 'config.json', 'monitor.json'].sort(byRemoval)).toEqual([
    'monitor.json',
    'exit.json',
    'config.json',
    'task.json',
  ]);
});
