// The program that looks at foreign paths for the supervisor, where a file system with a server is mounted: it may be left hanging.
import { answerLooks } from '@gantry/linux/looks';
import { foreignLooks } from './docker/looks';

answerLooks(foreignLooks);
