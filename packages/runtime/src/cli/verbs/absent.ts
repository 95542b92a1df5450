import { notImplemented } from '@gantry/rpc/errors';
import type { Verb } from '../context';

const absent = (name: string): Verb => ({
  usage: `${name} ID`,
  help: 'not available in this runtime',
  run: () => Promise.reject(notImplemented(`${name} is not supported by gantry-runc`)),
});

export const checkpoint = absent('checkpoint');
export const restore = absent('restore');
