errordoc2 index.php
