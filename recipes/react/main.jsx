import { createRoot } from 'react-dom/client';
import { Online } from './Online.jsx';
import { Readers } from './Readers.jsx';

createRoot(document.querySelector('#app')).render(
  <main>
    <Online page={location.pathname} />
    <Readers />
  </main>,
);
