import type { ClientCommand } from './command';
import { setEnv, unsetEnv } from './environment';
import { execKill } from './exec-kill';
import { mount, unmount } from './mount';
import { publish, unpublish } from './publish';

/** What docker's CLI has no command for. */
export const commands: readonly ClientCommand[] = [publish, unpublish, setEnv, unsetEnv, mount, unmount, execKill];
