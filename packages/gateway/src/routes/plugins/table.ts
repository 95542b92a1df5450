import type { Route } from '../../http/exchange';
import { pluginCreate } from './create';
import { pluginInspect } from './inspect';
import { pluginList } from './list';
import { pluginPrivileges } from './privileges';
import { pluginPull, pluginUpgrade } from './pull';
import { pluginPush } from './push';
import { pluginDelete } from './remove';
import { pluginSet } from './set';
import { pluginDisable, pluginEnable } from './switch';

export const pluginRoutes: readonly Route[] = [
  pluginList,
  pluginPrivileges,
  pluginPull,
  pluginCreate,
  pluginInspect,
  pluginEnable,
  pluginDisable,
  pluginUpgrade,
  pluginPush,
  pluginSet,
  pluginDelete,
];
