directory index.php
