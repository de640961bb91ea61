errordoc index.php
