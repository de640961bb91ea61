yii index.php
