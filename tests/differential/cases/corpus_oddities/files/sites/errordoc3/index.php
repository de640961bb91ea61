errordoc3 index.php
