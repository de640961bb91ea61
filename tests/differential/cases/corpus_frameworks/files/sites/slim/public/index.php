slim public/index.php
