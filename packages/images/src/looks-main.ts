// The program that looks at foreign paths for the images service: volumes whose server may be gone. It may be left hanging.
import { answerLooks } from '@gantry/linux/looks';
import { foreignLooks } from './looks';

answerLooks(foreignLooks);
