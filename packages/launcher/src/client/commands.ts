import type { ClientCommand } from './command';
import { publish, unpublish } from './publish';

/** What docker's CLI has no command for. */
export const commands: readonly ClientCommand[] = [publish, unpublish];
