import type { BuildCase } from '../case';
import { add } from './add';
import { arg } from './arg';
import { checks } from './checks';
import { config } from './config';
import { copy } from './copy';
import { from } from './from';
import { run } from './run';
import { words } from './words';

/** All builds that both engines must do alike. */
export const cases: readonly BuildCase[] = [...from, ...words, ...config, ...arg, ...copy, ...add, ...run, ...checks];
